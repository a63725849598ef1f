"""All that is drawn in a browser, by Streamlit: sign-in, menu, frame of a page, exhibits, lists."""
