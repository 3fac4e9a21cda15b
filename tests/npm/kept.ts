/** Notes for how long Next.js is asked to keep each answer; imported first, as Next.js has its own `fetch` in place first. */
export const kept: unknown[] = [];
const send = globalThis.fetch;

globalThis.fetch = (input, init) => {
  const { next } = input as { next?: { revalidate?: unknown } };
  kept.push(next?.revalidate);
  return send(input, init);
};
