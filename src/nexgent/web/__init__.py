"""The dashboard as it is served: `static` holds what Vite built of the folder `web`, and nothing is written there at run time."""
