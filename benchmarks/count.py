"""Count it yourself: how near the rod flow stays on CIFAR-10, with xarray and nothing else.

    python benchmarks/count.py

Nothing of this project is imported.
"""

from pathlib import Path

import xarray as xr


def count(folder: Path) -> dict[str, tuple[float, float]]:
    """Give each run's ratio of distances, stable flow over rod flow, and its sharpness error."""
    found = {}
    for path in sorted(folder.glob("*-cifar.nc")):
        run = xr.load_dataset(path, engine="scipy")
        # Distances to the optimizer's centre. At the first step all are zero; of a rod that was
        # lost on the way there is no median.
        stable, rod = run.dist_wbar_disc_to_sf[1:], run.dist_wbar_disc_to_rod[1:]
        error = abs(run.rod_pre_sharpness_wbar / run.disc_pre_sharpness_wbar - 1)[:, 0]
        found[path.stem] = (
            float(stable.median() / rod.median(skipna=False)),
            float(error.median()),
        )
    return found


if __name__ == "__main__":
    runs = count(Path(__file__).resolve().parents[1] / "figures" / "runs")
    for name, (ratio, error) in runs.items():
        print(f"{name:28} {ratio:8.1f} times closer, sharpness off by {error:6.1%}")
    for bar in (5, 100):
        print(f"{sum(r >= bar for r, _ in runs.values())} of {len(runs)} runs: {bar} times closer")
    print(f"{sum(e <= 0.05 for _, e in runs.values())} of {len(runs)}: sharpness within 5 %")
