"""The neighbours of products: kinds of look-up, the vectors they search, and the indexes behind them."""
