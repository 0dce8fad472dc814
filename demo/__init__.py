"""The whole platform on one machine, started by `make run`: servers, simulator, web, workers."""
