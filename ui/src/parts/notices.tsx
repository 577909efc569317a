import Snackbar from '@mui/material/Snackbar';
import { createContext, useCallback, useContext, useState } from 'react';

type Notice = { id: number; text: string; bad: boolean };
const Tell = createContext<(text: string, bad?: boolean) => void>(() => undefined);

/** What an act has done, said once at the edge of the page. */
export function useTell() {
  return useContext(Tell);
}

export function Notices({ children }: { children: React.ReactNode }) {
  const [notice, setNotice] = useState<Notice | null>(null);
  const tell = useCallback((text: string, bad = false) => setNotice({ id: Date.now(), text, bad }), []);
  return (
    <Tell.Provider value={tell}>
      {children}
      <Snackbar
        key={notice?.id}
        open={notice !== null}
        autoHideDuration={notice?.bad ? 12_000 : 5000}
        onClose={(_, why) => {
          if (why !== 'clickaway') setNotice(null);
        }}
        message={notice?.text}
        anchorOrigin={{ vertical: 'bottom', horizontal: 'center' }}
      />
    </Tell.Provider>
  );
}
