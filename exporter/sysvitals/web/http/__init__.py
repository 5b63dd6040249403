"""A small HTTP server on asyncio, h11 and wsproto, with a limit for everything that a client can take."""
