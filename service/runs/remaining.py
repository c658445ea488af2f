"""What a run still has to fetch and encode, and where finished work is kept between runs."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from candidates.artifacts import digest_bytes, digest_of
from intake.feeds.locate import is_url
from intake.picture_files import PictureFile, list_pictures, read_stamps
from service.runs.job import Job
from service.runs.shelf import Shelf, as_digests


def text_shelf(job: Job, encoder_version: str) -> Path:
    """Where the text vectors of an encoder are kept."""
    return job.folder.work / "text" / digest_of(encoder_version)[:16]


def picture_shelves(job: Job, encoder_version: str) -> Path:
    """Where the picture vectors of an encoder are kept: a folder for raw ones and one for each base."""
    return job.folder.work / "image" / digest_of(encoder_version)[:16]


def stamps_path(job: Job) -> Path:
    """The table of picture files read before, with their digests."""
    return job.folder.work / "image" / "stamps.parquet"


def missing_texts(job: Job) -> list[str]:
    """The distinct product texts that have no vector yet."""
    from text_retrieval.product_text import product_texts
    from text_retrieval.sentence import SentenceEncoder

    if job.settings.text.index == "tfidf":
        return []
    texts = list(dict.fromkeys(product_texts(job.catalogue, job.settings.text)))
    version = SentenceEncoder.open(job.settings.text, job.threads).version
    shelf = Shelf(text_shelf(job, version))
    held = shelf.has(as_digests([digest_bytes(text.encode()) for text in texts]))
    return [text for text, has in zip(texts, held.tolist(), strict=True) if not has]


def missing_pictures(job: Job) -> list[PictureFile]:
    """The picture files without a vector yet, each path once; files that were never read are included."""
    from image_retrieval.encoders import encoder_for

    pictures = list_pictures(job.catalogue, job.places)
    found = {str(picture.path): picture for picture in pictures if picture.path is not None}
    stamps = read_stamps(stamps_path(job))
    digests = as_digests([stamps.get((path, *picture.stamp), "") for path, picture in found.items()])
    version = encoder_for(job.settings.image, job.threads).version
    held = np.zeros(len(found), bool)
    for folder in picture_shelves(job, version).glob("*/"):
        held |= Shelf(folder).has(digests)
    return [picture for picture, has in zip(found.values(), held.tolist(), strict=True) if not has]


def picture_urls(job: Job) -> list[str]:
    """The distinct picture URLs of the catalogue, in catalogue order."""
    named = job.catalogue.table["pictures"].to_pylist()
    return list(dict.fromkeys(name for names in named for name in names or () if is_url(name)))


def missing_urls(job: Job) -> list[str]:
    """The URLs whose pictures are not in the cache."""
    from intake.fetching.addresses import parse_address
    from intake.fetching.cache import Cache
    from intake.fetching.failures import Failure

    urls = picture_urls(job)
    if not urls or not cache_folder(job).is_dir():
        return urls
    missing = []
    with closing(Cache(cache_folder(job))) as cache:
        for url in urls:
            with suppress(Failure):  # such a URL is never requested
                if cache.find(parse_address(url).url) is None:
                    missing.append(url)
    return missing


def cache_folder(job: Job) -> Path:
    """Where fetched pictures are kept between runs."""
    return job.folder.work / "fetched"
