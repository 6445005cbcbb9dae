import { defineConfig } from 'vitest/config';

// The API answers pages of its own address only; the proxy speaks to it as one.
const daemon = { '/api': { target: 'http://127.0.0.1:7080', changeOrigin: true } };

export default defineConfig({
  server: { proxy: daemon },
  preview: { proxy: daemon },
  build: {
    // The style uses light-dark(), so older browsers would not show the page right anyway.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    // Most of the 575 kB is ECharts, needed by the first view: splitting would only add a round trip.
    chunkSizeWarningLimit: 700,
  },
  test: { include: ['src/app/**/*.test.ts'] },
});
