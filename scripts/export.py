"""Write a policy as one file: `python scripts/export.py runs/NAME --output policy.onnx`."""

from ddpg.cli.command import start

if __name__ == "__main__":
    raise SystemExit(start("ddpg.cli.export"))
