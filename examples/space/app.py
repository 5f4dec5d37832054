"""A Space of the Hugging Face Hub that shows a model of the zoo."""

import skinzoo
from skinzoo.demo import build_page

MODEL = "multitask_regnety_004.bundled"  # or "hf-hub:owner/name@<commit>"

model = skinzoo.create_model(MODEL)
page = build_page(model, about=f"The model is `{MODEL}`.")

if __name__ == "__main__":
    page.launch()
