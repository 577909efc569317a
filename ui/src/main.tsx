import CssBaseline from '@mui/material/CssBaseline';
import { ThemeProvider } from '@mui/material/styles';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { makeClient } from './api/queries';
import { App } from './App';
import { theme } from './theme';
import './styles/base.css';
import './styles/shell.css';
import './styles/pages.css';
import './styles/item.css';

const place = document.getElementById('root');
if (!place) throw new Error('the page has lost its root');

createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={makeClient()}>
      <ThemeProvider theme={theme} defaultMode="system" noSsr>
        <CssBaseline />
        <App />
      </ThemeProvider>
    </QueryClientProvider>
  </StrictMode>,
);
