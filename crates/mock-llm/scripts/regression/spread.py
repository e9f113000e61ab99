"""How the yield goes with each column: numbers to read and a plot to look at."""

import os
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

begun = time.perf_counter()
beds = pd.read_csv(sys.argv[1])
print(f"in {os.getcwd()}: {len(beds)} beds, {beds.isna().sum().sum()} missing values")
numbers = ["light_h", "water_l", "feed_g", "warmth_c"]
for column in numbers:
    share = beds[column].corr(beds["yield_kg"], method="spearman")
    print(f"{column}: rank correlation with the yield {share:.3f}")
print(beds.groupby("soil")["yield_kg"].agg(["count", "mean", "std"]).round(3))

figure, places = plt.subplots(1, len(numbers), figsize=(12, 3), sharey=True)
for column, place in zip(numbers, places):
    place.scatter(beds[column], beds["yield_kg"], s=6)
    place.set_xlabel(column)
places[0].set_ylabel("yield_kg")
figure.tight_layout()
figure.savefig("plots/spread.png", dpi=80)
print(f"took {time.perf_counter() - begun:.2f} s")
