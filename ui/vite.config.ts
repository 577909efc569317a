import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The API serves what is built from here, and ships it in the wheel.
export default defineConfig({
  plugins: [react()],
  base: './',
  build: {
    outDir: '../src/damascus/api/static',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the page's policy allows no data: scripts or fonts
    modulePreload: { polyfill: false }, // an inline script would be refused by the same policy
  },
  server: { proxy: { '/v1': 'http://127.0.0.1:8080' } },
});
