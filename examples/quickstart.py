# %% [markdown]
# # skinzoo in ten minutes
#
# Class and mask of skin lesions: open a collection, look at it, split it by lesion, train, score with intervals, see
# where the model looks, save it and use it. Everything here runs on drawn lesions, without a download, in two to
# three minutes on two CPU cores. The last section has the lines that change for real pictures.
#
# skinzoo is for research. It is not a medical device.

# %%
# %pip install --quiet skinzoo
# %matplotlib inline
import skinzoo

# %% [markdown]
# ## A collection
#
# `load_dataset` opens a collection by name, looks at every file, and reports what is wrong with it. `list_datasets()`
# lists all of them. The synthetic one is painted on demand: seven classes, one to four pictures of each lesion, a
# mask with each.

# %%
data = skinzoo.load_dataset("synthetic", num_images=700, size=96)
print(data)
print(data.integrity)

# %%
first = [data.records.labels.tolist().index(k) for k in range(len(data.label_space))]
skinzoo.plotting.picture_grid([data[k].image for k in first], [data.label_space.title(c) for c in data.label_space])

# %% [markdown]
# ## A split that does not leak
#
# Several pictures of one lesion must not stand on both sides. Groups stay together, classes keep their shares, and
# the result is the same everywhere.

# %%
train, val, test = data.split((0.70, 0.15, 0.15), seed=42)
for part in (train, val, test):
    print(part)

# %% [markdown]
# ## A model, and training
#
# `multitask` has one encoder for class and mask. With `backbone_weights="imagenet"`, the default, it would start from
# ImageNet's weights; drawn lesions are easy enough for random ones. `fit` puts the best weights back at the end.

# %%
model = skinzoo.create_model("multitask", label_space=data.label_space, backbone_weights=None, image_size=64, seed=42)
config = skinzoo.TrainConfig(epochs=8, batch_size=16, lr=2e-3, schedule="cosine", monitor="val_macro_f1")
history = skinzoo.Trainer(model, config).fit(train, val)

# %%
skinzoo.plotting.learning_curves(history.rows)

# %% [markdown]
# ## Honest figures
#
# Calibration makes probabilities mean what they say. `evaluate` refuses pictures that the model was trained on, and
# gives each figure an interval that is drawn by lesion.

# %%
skinzoo.calibrate(model, val)
report = skinzoo.evaluate(model, test)
print(report)

# %%
matrix = report.classification.confusion
skinzoo.plotting.confusion_matrix_heatmap(matrix, list(data.label_space))

# %% [markdown]
# `report.save("report")` writes the whole page: `index.html`, `report.json`, every figure and every prediction.
#
# ## Predict, and ask why
#
# A prediction has named probabilities, the lesion's outline and its measures. Grad-CAM shows where the model looks.

# %%
sample = test[0]
(prediction,) = skinzoo.predict(model, sample)
print(prediction)

# %%
heat = skinzoo.grad_cam(model, sample)
skinzoo.plotting.explanation_panel(heat.image, heat.heatmap, f"{sample.id}: {heat.target}")

# %% [markdown]
# ## Save it, load it
#
# safetensors and JSON; every byte is compared with its sha256 when it is loaded, and no file can run code.

# %%
model.save_pretrained("my_model")
again = skinzoo.create_model("local-dir:my_model")
print(again.label_space, again.input_spec.size)

# %% [markdown]
# ## With real pictures
#
# ```python
# data = skinzoo.load_dataset("ham10000", root="HAM10000")    # as Kaggle or Harvard Dataverse distribute it
# data = skinzoo.load_dataset("folder", root="my_pictures")   # or one folder per class
# data = data.cache("cache", size=256)                        # decode once
# model = skinzoo.create_model("multitask_resnet34", label_space=data.label_space)
# ```
#
# and then as above. The guides have more: splits and leakage, imbalance, calibration, subgroups, comparison of
# models, publishing weights.
