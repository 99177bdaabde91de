"""Tests of `statewf.expr`, a file for each of its modules, and `test_javascript`, which asks a real engine."""
