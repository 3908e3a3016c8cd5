"""事前クリーニング: a file is judged row by row, and nothing of it is stored."""
