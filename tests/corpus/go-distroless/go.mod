module example.com/operator
require k8s.io/api v0.29.2
