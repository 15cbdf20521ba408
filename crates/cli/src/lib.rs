//! The program podline: forwards local ports into Kubernetes pods, drop-in for kubectl port-forward.
