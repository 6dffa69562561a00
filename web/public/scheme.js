// Before the first paint, so that a dark page does not flash white.
(() => {
  const kept = localStorage.getItem('mantine-color-scheme-value') ?? 'auto';
  const dark = kept === 'dark' || (kept === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
