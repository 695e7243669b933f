"""The Streamlit UI: it talks to the backend over HTTP and to nothing else."""
