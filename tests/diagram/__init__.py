"""Tests of statewf.diagram: the picture model, then each format."""
