exports.notFound = () => {
  throw new Error("Next.js answers 404");
};
