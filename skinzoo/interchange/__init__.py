"""Models out to other programs, and weights in from them."""

from skinzoo.interchange.checkpoint import Conversion, convert_checkpoint
from skinzoo.interchange.files import Parity
from skinzoo.interchange.graph import PIXELS
from skinzoo.interchange.to_onnx import OnnxExport, export_onnx
from skinzoo.interchange.to_program import ProgramExport, export_program

__all__ = [
    "PIXELS",
    "Conversion",
    "OnnxExport",
    "Parity",
    "ProgramExport",
    "convert_checkpoint",
    "export_onnx",
    "export_program",
]
