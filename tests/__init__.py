"""Tests: plain pytest. Those marked `real` start real servers."""
