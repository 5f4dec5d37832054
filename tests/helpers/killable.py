"""A training program to be killed: `python killable.py FOLDER WORKERS PAUSE` prints a digest at its end."""

import sys
import time

import torch
from toy import toy_run

from skinzoo.training import Callback
from skinzoo.training.callbacks import Writer

torch.set_num_threads(1)
Writer.on_fit_end = lambda self, trainer: None


class Pace(Callback):
    """Says that a step begins, and makes it take its time."""

    def __init__(self, pause):
        self.pause = pause

    def on_step_start(self, trainer, step):
        print(f"step {step}", flush=True)
        time.sleep(self.pause)


if __name__ == "__main__":
    folder, workers, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    print("digest", toy_run(folder, callbacks=[Pace(pause)], num_workers=workers), flush=True)
