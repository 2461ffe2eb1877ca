"""img2img-turbo's generator as modules that run in PyTorch and export to ONNX.

The seam, from the outside in:

- `turbo.py`     pictures in, pictures out: the fused translator and its three staged parts
- `vae.py`       `SkipVae`: what a VAE must offer (encode with taps, decode with skips); AutoencoderKL's implementation
- `unet.py`      one step of a diffusers `UNet2DConditionModel` at timestep 999
- `text.py`      CLIP text encoder
- `lora.py`      LoRA tensors: merged into weights, or kept as branches scaled by gamma
- `operators.py` the operators a target is fast at; the parts above are written in these

Shapes in doc comments: B batch, C channels, H and W the picture's sides in pixels, h and w the latent's, L tokens,
D embedding width.
"""
