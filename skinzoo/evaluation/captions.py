"""What stands below the figures of a report: how to read each."""

CAPTIONS = {
    "confusion": "Rows are the true class, columns the predicted one; colour is the share of the row. "
    "A good model is dark along the diagonal. {n}",
    "bars": "The lines are {level} intervals, absent where too few images are there to tell. {n}",
    "roc": "Each class against all others; the closer to the upper left corner, the better. "
    "Areas with {level} intervals. {n}",
    "precision": "Each class against all others; dotted: what chance gives, the share of the class. "
    "Areas with {level} intervals. {n}",
    "malignant_roc": "The dot is the operating point, {threshold:.3g}. Area with its {level} interval. {n}",
    "decision": "Net benefit of excising what the model calls malignant, against excising all or none; the model helps "
    "where its line is the highest. {n}",
    "malignancy": "Summed probability of the malignant classes, by true class; the line is the operating point. {n}",
    "reliability": "How often the predicted class was right, against how sure the model was; below the diagonal it was "
    "too sure. {n}",
    "coverage": "Error rate when only the surest pictures are answered and the others are left to a human; it should "
    "rise from the left. {n}",
    "forest": "With 95 % intervals and the images of each group; the dashed line is the figure of all images, grey "
    "groups are too small to judge.",
    "dice": "How many images reach which overlap; a long tail to the left are lesions that were missed. {n}",
    "panels": "From the best to the worst Dice, evenly over the ranks. Green: truth; magenta: prediction.",
    "mistakes": "The wrong predictions with the highest probability, and what spoke for them (Grad-CAM).",
    "robustness": "{metric}: the cells are coloured by the drop from pictures as they are.",
    "strength": "{metric} on pictures as they are, and at each strength; dotted: what it would be without a loss. The "
    "figures and intervals stand in the table.",
    "gain": "Means with 95 % intervals, n pictures; to the right of the dashed line the map is better than chance.",
}
"""By figure; `{n}` is a sentence on what it was counted on, `{level}` the level of the intervals."""
