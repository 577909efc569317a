import { createTheme } from '@mui/material/styles';

const FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif';

/** Ink on paper: no brand colour competes with the phases, which are what colour means here. */
export const theme = createTheme({
  cssVariables: { colorSchemeSelector: 'class' },
  colorSchemes: {
    light: {
      palette: {
        primary: { main: '#1d1d1b', contrastText: '#ffffff' },
        error: { main: '#b3261e' },
        background: { default: '#faf9f7', paper: '#ffffff' },
        text: { primary: '#1d1d1b', secondary: '#63615c' },
        divider: '#e7e5e0',
      },
    },
    dark: {
      palette: {
        primary: { main: '#ecebe8', contrastText: '#141516' },
        error: { main: '#ff9c94' },
        background: { default: '#121314', paper: '#191a1c' },
        text: { primary: '#ecebe8', secondary: '#a3a29d' },
        divider: '#2b2d30',
      },
    },
  },
  typography: {
    fontFamily: FONT,
    fontSize: 13,
    body1: { fontSize: '13px', lineHeight: 1.5 },
    body2: { fontSize: '13px', lineHeight: 1.5 },
    button: { textTransform: 'none', fontWeight: 550, letterSpacing: 0 },
  },
  shape: { borderRadius: 7 },
  components: {
    MuiButton: {
      defaultProps: { disableElevation: true, size: 'small' },
      styleOverrides: { root: { padding: '4px 11px', lineHeight: 1.5 } },
    },
    MuiButtonBase: { defaultProps: { disableRipple: true } },
    MuiPaper: { styleOverrides: { root: { backgroundImage: 'none' } } },
    MuiTextField: { defaultProps: { size: 'small' } },
    MuiTooltip: { defaultProps: { enterDelay: 400, arrow: false } },
    MuiTab: { styleOverrides: { root: { minHeight: 38, minWidth: 0, padding: '8px 12px' } } },
    MuiTabs: { styleOverrides: { root: { minHeight: 38 } } },
  },
});
