/** Imported by a command: whoever reads its first lines only, as `head -1` does, has seen enough, and the command goes on. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
