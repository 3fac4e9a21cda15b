/** What the tests call: the example's client, and its pages as HTML. */
import { kept } from "./kept";
import { renderToStaticMarkup } from "react-dom/server";
import ModelPage, { generateStaticParams } from "./app/models/[org]/[name]/page";
import ModelsPage from "./app/models/page";

export * from "./lib/runshere";
export { generateStaticParams };

export async function modelsPage(): Promise<string> {
  return renderToStaticMarkup(await ModelsPage());
}

export async function modelPage(org: string, name: string): Promise<string> {
  return renderToStaticMarkup(await ModelPage({ params: Promise.resolve({ org, name }) }));
}

/** For how long Next.js was asked to keep the answers of a page that there is not. */
export async function keptOfNoPage(org: string, name: string): Promise<unknown[]> {
  const before = kept.length;
  await modelPage(org, name).catch(() => {});
  return kept.slice(before);
}
