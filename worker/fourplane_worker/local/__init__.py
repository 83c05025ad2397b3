"""Local services: a gRPC server behind the front, for whatever must look into messages."""
