"""Networks and how to get them.

Imports torch and torchvision only, and safetensors to read weights.
"""
