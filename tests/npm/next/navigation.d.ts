export function notFound(): never;
