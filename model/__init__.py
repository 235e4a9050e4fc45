"""The classifier: features, training, evaluation and artifacts. It knows nothing of the service around it."""
