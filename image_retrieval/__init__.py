"""Pictures to neighbours: decode, encode, shorten by a frozen base, hash, search.

| module | what it does |
|---|---|
| `pictures` | bytes to RGB pictures on white |
| `encoders` | pictures to vectors: HOG, perceptual hash, ONNX, torchvision |
| `base` | the frozen, label-free base that shortens vectors once |
| `lsh` | vectors to packed binary codes |
| `subcodes` | codes to 16-bit subcodes, and the pigeonhole search that stands on them |
| `hamming` | the embedded index: codes first, then exact cosine of a shortlist |
"""
