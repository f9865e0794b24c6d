"""Whether model and conclusions hold: prediction, leave-one-out, sensitivity, calibration."""
