import Button from '@mui/material/Button';
import TextField from '@mui/material/TextField';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { send, type Failure, type Session } from '../api/client';
import { settle } from '../link';
import { Mark } from '../parts/Mark';

/** A token for a cookie that no script can read; the token itself is not kept. `wrong`: what was wrong with a link. */
export function SignIn({ wrong }: { wrong: string | null }) {
  const [token, setToken] = useState('');
  const client = useQueryClient();
  const signIn = useMutation<Session, Failure>({
    mutationFn: () => send('POST', '/v1/session', { token: token.trim() }),
    onSuccess: (session) => {
      setToken('');
      settle();
      client.setQueryData(['session'], session);
    },
  });
  const trouble = signIn.isError ? signIn.error.message : signIn.isPending ? null : wrong;
  return (
    <main className="signin">
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim()) signIn.mutate();
        }}
      >
        <Mark />
        <h1>Sign in to Damascus</h1>
        <p>
          Show a token. You make one where Damascus runs; it is shown there once:
          <code>{'damascus token create me \\\n  --scope read --scope operate'}</code>
        </p>
        <TextField
          label="Token"
          type="password"
          autoComplete="current-password"
          autoFocus
          fullWidth
          value={token}
          onChange={(event) => setToken(event.target.value)}
          error={trouble !== null}
          helperText={trouble ?? ' '}
          slotProps={{ htmlInput: { spellCheck: false, maxLength: 128 } }}
        />
        <Button type="submit" variant="contained" size="medium" fullWidth disabled={!token.trim() || signIn.isPending}>
          {signIn.isPending ? 'Signing in…' : 'Sign in'}
        </Button>
        <p className="faint">You stay signed in for seven days, in this browser only.</p>
      </form>
    </main>
  );
}
