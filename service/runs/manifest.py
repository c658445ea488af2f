"""`manifest.json`: settings, versions, digests, and the record of each step."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from candidates.artifacts import write_json
from service.runs.job import Job
from service.runs.run_folder import FORMAT

_PACKAGES = ("numpy", "pyarrow", "torch", "sentence-transformers", "nmslib", "faiss-cpu", "scikit-image", "onnxruntime")


def write_manifest(job: Job) -> dict[str, Any]:
    """Writes `manifest.json` and returns its content."""
    manifest = {
        "format": FORMAT,
        "feeds": [{"path": str(feed.path), "seller": feed.seller} for feed in job.choices.feeds],
        "settings": job.settings.model_dump(mode="json"),
        "packages": {name: version(name) for name in ("variant-candidates", *_PACKAGES)},
        "axes": {"products": job.catalogue.axis.digest},
        "steps": {
            record.name: {
                "key": record.key,
                "seconds": record.seconds,
                "peak_mib": record.peak_mib,
                "counts": record.counts,
            }
            for record in job.folder.records()
        },
    }
    write_json(job.folder.manifest, manifest)
    return manifest
