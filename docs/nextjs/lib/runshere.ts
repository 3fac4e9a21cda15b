/** Which models run on your workers, asked of a RunsHere site. `npm run types` makes `schema.d.ts` from that site. */
import createClient from "openapi-fetch";
import type { components, operations, paths } from "./schema";

export type Model = components["schemas"]["ModelItem"];
export type ModelDetail = components["schemas"]["ModelDetail"];
export type ModelMetadata = components["schemas"]["MetadataIn"];
export type Compatibility = components["schemas"]["Compatibility"];
export type Problem = components["schemas"]["Problem"];
/** What a list can be asked for: the parameters of the browse page. */
export type SearchOptions = Omit<Query<"listModels">, "q" | "cursor">;
/** The worker to judge for; the site's first one if nothing is given. */
export type WorkerOptions = Query<"getModel">;
/** A model as the Hub's API describes it; only `id` is needed. */
export type HubModel = { id: string; [field: string]: unknown };

type Query<Name extends keyof operations> = NonNullable<operations[Name]["parameters"]["query"]>;
type Answer<Body> = { data?: Body; error?: unknown; response: Response };

const MOST_AT_ONCE = 200;
/** Next.js keeps an answer for so many seconds: two days, as long as the pages. */
const KEPT = 172_800;
const { RUNSHERE_URL = "http://127.0.0.1:8000", RUNSHERE_TOKEN } = process.env;
const headers = RUNSHERE_TOKEN ? { Authorization: `Bearer ${RUNSHERE_TOKEN}` } : {};
const site = createClient<paths>({ baseUrl: RUNSHERE_URL, headers });

/** The site refused a question; `problem` says why, field by field, and `retryAfter` in how many seconds to ask again. */
export class RunsHereError extends Error {
  constructor(
    readonly problem: Problem,
    readonly retryAfter: number | null,
  ) {
    super(problem.detail);
    this.name = "RunsHereError";
  }
}

/** The models that run, best known first; as many as `limit` says, 30 if it says nothing. */
export async function listCompatibleModels(options: SearchOptions = {}): Promise<Model[]> {
  return searchCompatibleModels("", options);
}

/** The models that run and whose id holds these words. */
export async function searchCompatibleModels(words: string, options: SearchOptions = {}): Promise<Model[]> {
  const wanted = typeof options.limit === "number" ? options.limit : 30;
  const found: Model[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(wanted - found.length, MOST_AT_ONCE);
    const query = { ...options, q: words, limit, cursor };
    const part = answered(await site.GET("/api/v1/models", { params: { query }, next: { revalidate: KEPT } }));
    found.push(...part.items);
    cursor = part.nextCursor ?? undefined;
  } while (cursor && found.length < wanted);
  return found;
}

/** Everything about one model: verdict, variants, facts, alternatives. Next.js keeps it for so many seconds. */
export async function getModel(
  org: string,
  name: string,
  query: WorkerOptions = {},
  revalidate = KEPT,
): Promise<ModelDetail> {
  const params = { path: { org, name }, query };
  return answered(await site.GET("/api/v1/models/{org}/{name}", { params, next: { revalidate } }));
}

/** The same with its tag, or null while nothing changed since `tag`: for programs that keep answers themselves. */
export async function getModelIfChanged(
  org: string,
  name: string,
  tag?: string,
): Promise<{ model: ModelDetail; tag: string | null } | null> {
  const found = await site.GET("/api/v1/models/{org}/{name}", {
    params: { path: { org, name } },
    headers: tag ? { "If-None-Match": tag } : {},
    cache: "no-store",
  });
  if (found.response.status === 304) return null;
  return { model: answered(found), tag: found.response.headers.get("ETag") };
}

/** Whether a model of your own runs, and why: by its six facts, or as the Hub describes it. */
export async function checkModelCompatibility(
  given: ModelMetadata | HubModel,
  worker?: string,
): Promise<Compatibility> {
  const body = "id" in given ? { model: given, worker } : { metadata: given, worker };
  return answered(await site.POST("/api/v1/compatibility/check", { body, cache: "no-store" }));
}

/** Those of your models that run, in your order; at most 1,000 at a time. */
export async function filterCompatibleModels<Given extends HubModel>(
  models: Given[],
  worker?: string,
): Promise<Given[]> {
  const body = { models, worker };
  const found = answered(await site.POST("/api/v1/compatibility/filter", { body, cache: "no-store" }));
  return found.results.flatMap(({ index, compatible }) => {
    const model = models[index];
    return compatible && model ? [model] : [];
  });
}

function answered<Body>({ data, error, response }: Answer<Body>): Body {
  if (data !== undefined) return data;
  const wait = Number(response.headers.get("Retry-After"));
  throw new RunsHereError(isProblem(error) ? error : unexpected(response), wait > 0 ? wait : null);
}

function isProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "detail" in error && "status" in error;
}

/** What stands between this program and the site, such as a proxy, may answer in other forms. */
function unexpected({ status, statusText, url }: Response): Problem {
  const detail = `${url} answered ${status} ${statusText}`.trim();
  return { type: "about:blank", title: statusText, status, detail, errors: null };
}
