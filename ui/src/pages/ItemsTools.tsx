import FormControl from '@mui/material/FormControl';
import InputAdornment from '@mui/material/InputAdornment';
import MenuItem from '@mui/material/MenuItem';
import Select from '@mui/material/Select';
import TextField from '@mui/material/TextField';
import { useEffect, useRef, useState } from 'react';
import { useProjects } from '../api/queries';
import { Icon } from '../parts/Icon';
import { PHASE_NAMES, PHASES } from '../parts/phase';
import { amend } from '../route';
import type { View } from './view';

const ORDERS: [string, string][] = [
  ['-id', 'Newest first'],
  ['id', 'Oldest first'],
  ['queue', 'Claimed next'],
  ['priority', 'By priority'],
  ['-attempts', 'Most attempts'],
  ['-finished', 'Finished last'],
  ['finished', 'Finished first'],
];

/** Filters and order. Each change is a new address. */
export function ItemsTools({ view }: { view: View }) {
  const projects = useProjects();
  const toggle = (phase: string): void => {
    const next = view.phase.includes(phase) ? view.phase.filter((one) => one !== phase) : [...view.phase, phase];
    amend({ phase: next.join(',') || null });
  };
  const names = projects.data?.projects.map((one) => one.name) ?? [];
  if (view.project && !names.includes(view.project)) names.unshift(view.project);
  return (
    <div className="tools" role="search" aria-label="Filter the items">
      <Search key={view.text} text={view.text} />
      <FormControl size="small">
        <Select
          value={view.project ?? ''}
          displayEmpty
          onChange={(event) => amend({ project: event.target.value || null })}
          inputProps={{ 'aria-label': 'Project' }}
        >
          <MenuItem value="">All projects</MenuItem>
          {names.map((name) => <MenuItem key={name} value={name}>{name}</MenuItem>)}
        </Select>
      </FormControl>
      <FormControl size="small">
        <Select
          value={view.sort}
          onChange={(event) => amend({ sort: event.target.value === '-id' ? null : event.target.value })}
          inputProps={{ 'aria-label': 'Order' }}
        >
          {ORDERS.map(([value, name]) => <MenuItem key={value} value={value}>{name}</MenuItem>)}
        </Select>
      </FormControl>
      <button
        type="button"
        className="chip"
        aria-pressed={view.grouped}
        aria-label="Group by project"
        onClick={() => amend({ group: view.grouped ? null : 'project' })}
      >
        Group<span className="wide-only">&nbsp;by project</span>
      </button>
      <div className="chips" role="group" aria-label="Phases, and what is stuck">
        {PHASES.map((phase) => (
          <button
            key={phase}
            type="button"
            className={`chip ph-${phase}`}
            aria-pressed={view.phase.includes(phase)}
            onClick={() => toggle(phase)}
          >
            <i aria-hidden="true" />
            {PHASE_NAMES[phase]}
          </button>
        ))}
        <button
          type="button"
          className="chip"
          aria-pressed={view.failing}
          title="Blocked, or the last run did not pass"
          onClick={() => amend({ failing: view.failing ? null : 'true' })}
        >
          Stuck and failing
        </button>
      </div>
    </div>
  );
}

function Search({ text }: { text: string }) {
  const [value, setValue] = useState(text);
  const field = useRef<HTMLInputElement>(null);
  // The field is made anew when the address changes: who was writing goes on writing.
  useEffect(() => {
    if (wrote.at > Date.now() - 1000) field.current?.focus();
  }, []);
  useEffect(() => {
    if (value === text) return undefined;
    const timer = window.setTimeout(() => {
      wrote.at = document.activeElement === field.current ? Date.now() : 0;
      amend({ text: value.trim() ? value : null }, { replace: true });
    }, 250);
    return () => window.clearTimeout(timer);
  }, [value, text]);
  return (
    <TextField
      id="search"
      className="search"
      placeholder="Search keys and titles, or #12"
      value={value}
      inputRef={field}
      onChange={(event) => setValue(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          setValue('');
          field.current?.blur();
        }
      }}
      slotProps={{
        htmlInput: { 'aria-label': 'Search keys and titles', maxLength: 200, spellCheck: false },
        input: { startAdornment: <InputAdornment position="start"><Icon name="search" /></InputAdornment> },
      }}
    />
  );
}

const wrote = { at: 0 };
