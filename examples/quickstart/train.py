"""Train two classifiers of handwritten digits and write them beside their Triton models.

The data come with scikit-learn, the seeds are fixed. The first version saw few images, the second all of them:
reason enough to try the second on a part of the traffic.
"""

import argparse
from pathlib import Path

import numpy
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 20240501
FEW = 120


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent, help="folder with models/ in it")
    folder = parser.parse_args().into

    pixels, digits = load_digits(return_X_y=True)
    pixels = pixels.astype(numpy.float32)
    split = train_test_split(pixels, digits, test_size=0.25, random_state=SEED, stratify=digits)
    train_pixels, held_pixels, train_digits, held_digits = split

    first = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    second = make_pipeline(StandardScaler(), MLPClassifier((64,), max_iter=300, random_state=SEED))
    for name, model, count in (("digits_v1", first, FEW), ("digits_v2", second, len(train_pixels))):
        model.fit(train_pixels[:count], train_digits[:count])
        right = model.score(held_pixels, held_digits)
        print(f"{name}: trained on {count} images, {right:.1%} of {len(held_pixels)} held-out images right")
        export(model, folder / "models" / name / "1" / "model.onnx")

    numpy.savez_compressed(folder / "heldout.npz", pixels=held_pixels, digits=held_digits)


def export(model, path):
    """Write the classifier with plain tensors for outputs, rather than a list of dictionaries."""
    pixels = [("pixels", FloatTensorType([None, 64]))]
    exported = to_onnx(model, initial_types=pixels, options={"zipmap": False})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(exported.SerializeToString())


if __name__ == "__main__":
    main()
