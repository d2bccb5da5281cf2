"""The generated part of the documentation: `hook` puts it in while MkDocs builds."""
