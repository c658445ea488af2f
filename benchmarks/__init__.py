"""Speed and quality as commands: what a claim in the documents rests on."""
