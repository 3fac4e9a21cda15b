/** What the types made from the API's document must refuse: the compiler fails where one of these lines passes. */
import { type Compatibility, type Model, checkModelCompatibility, getModel, listCompatibleModels } from "./lib/runshere";

export async function refused(model: Model, compatibility: Compatibility): Promise<void> {
  // @ts-expect-error an order there is not
  await listCompatibleModels({ sort: "best" });
  // @ts-expect-error a parameter there is not
  await listCompatibleModels({ licence: "mit" });
  // @ts-expect-error an engine there is not
  await getModel("microsoft", "phi-2", { worker: "nothing" });
  // @ts-expect-error the format is missing
  await checkModelCompatibility({ architecture: "llama" });
  // @ts-expect-error a field there is not
  model.metadata.sizeBites;
  // @ts-expect-error the size may be unknown
  model.metadata.sizeBytes.toFixed();
  // @ts-expect-error a confidence there is not
  compatibility.confidence === "certain";
}
