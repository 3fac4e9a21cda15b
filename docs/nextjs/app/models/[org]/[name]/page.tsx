import { notFound } from "next/navigation";
import { type ModelDetail, RunsHereError, getModel, listCompatibleModels } from "../../../../lib/runshere";

/** The best known are made at build time, any other at its first visit; each anew every 48 hours. */
export const revalidate = 172800;

type Place = { org: string; name: string };

export async function generateStaticParams(): Promise<Place[]> {
  const top = await listCompatibleModels({ limit: 100 });
  return top.flatMap(({ author, name }) => (author ? [{ org: author, name }] : []));
}

export default async function ModelPage({ params }: { params: Promise<Place> }) {
  const { org, name } = await params;
  const model = await found(org, name);
  const { compatible, confidence, reasons, warnings, recommendations, worker } = model.result;
  return (
    <main>
      <h1>{model.id}</h1>
      <p>{compatible ? `Runs on ${worker.name} (${confidence} confidence)` : `Does not run on ${worker.name}`}</p>
      <Sentences title="Why" of={reasons} />
      <Sentences title="Good to know" of={warnings} />
      <Sentences title="What to do" of={recommendations} />
      <h2>Variants</h2>
      <ul>
        {model.variants.map((variant) => (
          <li key={variant.position}>
            {variant.label}: {variant.compatibility.compatible ? "runs" : "does not run"}
          </li>
        ))}
      </ul>
    </main>
  );
}

/**
 * The model, or the page that says there is none. RunsHere fetches a model it lacks from the Hub, so it may be there in
 * seconds; and Next.js keeps a page as long as the answer in it that is kept shortest. So it is asked for once more, to
 * be kept as long as RunsHere says, or an hour.
 */
async function found(org: string, name: string, kept?: number): Promise<ModelDetail> {
  try {
    return await getModel(org, name, {}, kept);
  } catch (error) {
    if (!(error instanceof RunsHereError) || error.problem.status !== 404) throw error;
    if (kept === undefined) return found(org, name, error.retryAfter ?? 3600);
    notFound();
  }
}

function Sentences({ title, of }: { title: string; of: string[] }) {
  if (of.length === 0) return null;
  return (
    <>
      <h2>{title}</h2>
      <ul>
        {of.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </>
  );
}
