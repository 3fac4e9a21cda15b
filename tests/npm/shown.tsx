/** What the tests call: the example's client, and its pages as HTML. */
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
