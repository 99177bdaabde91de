"""Tests of statewf.definition, file by file, and laws on arbitrary definitions (`strategies`)."""
