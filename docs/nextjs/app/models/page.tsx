import Link from "next/link";
import { listCompatibleModels } from "../../lib/runshere";

/** Made at build time, and anew every 48 hours. */
export const revalidate = 172800;

export default async function ModelsPage() {
  const models = await listCompatibleModels({ limit: 100 });
  return (
    <main>
      <h1>Models that run here ({models.length})</h1>
      <ul>
        {models.map((model) => (
          <li key={model.id}>
            {model.author ? <Link href={`/models/${model.id}`}>{model.id}</Link> : model.id}{" "}
            {model.metadata.parameters} parameters, {model.compatibility.confidence} confidence
          </li>
        ))}
      </ul>
    </main>
  );
}
