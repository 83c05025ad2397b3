"""Trust plane: trace facts."""
