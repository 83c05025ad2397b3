"""The front: terminates client connections, plans each message, and passes its bytes on."""
