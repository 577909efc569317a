import Drawer from '@mui/material/Drawer';
import IconButton from '@mui/material/IconButton';
import Tab from '@mui/material/Tab';
import Tabs from '@mui/material/Tabs';
import { useItem } from '../api/queries';
import { Icon } from '../parts/Icon';
import { Trouble, Waiting } from '../parts/states';
import { Away, Said } from '../parts/text';
import { amend, hashOf, useRoute } from '../route';
import { safeHref } from '../text/safe';
import { Actions } from './Actions';
import { Diff } from './Diff';
import { Overview } from './Overview';
import { Runs } from './Runs';
import { Stepper } from './Stepper';
import { Timeline } from './Timeline';
import { Widgets } from './Widgets';

const TABS = ['overview', 'spec', 'runs', 'diff', 'timeline'] as const;
type TabName = (typeof TABS)[number];

/** All there is about one item, beside the page one came from. */
export default function ItemDrawer({ id, onClose }: { id: number; onClose: () => void }) {
  const { query } = useRoute();
  const found = useItem(id);
  const tab = TABS.find((one) => one === query.get('tab')) ?? 'overview';
  return (
    <Drawer
      open
      anchor="right"
      onClose={onClose}
      slotProps={{
        paper: { className: 'drawer', 'aria-labelledby': 'item-title', role: 'dialog', 'aria-modal': true },
        backdrop: { className: 'veil' },
        transition: { appear: false },
      }}
    >
      <div className="drawer-top">
        <span className="faint crumbs">
          {found.data ? (
            <>
              <a href={hashOf('items', { project: found.data.item.project })}>{found.data.item.project}</a>
              <span>/</span>
              <span className="crumb-key">{found.data.item.key}</span>
            </>
          ) : (
            'Item'
          )}
          <span className="num">#{id}</span>
        </span>
        <span className="grow" />
        {found.data ? <Actions detail={found.data} /> : null}
        <IconButton aria-label="Close" onClick={onClose}><Icon name="close" /></IconButton>
      </div>
      {found.isPending ? (
        <div className="drawer-body"><h2 id="item-title" className="hidden">Item {id}</h2><Waiting lines={10} /></div>
      ) : !found.data ? (
        <div className="drawer-body">
          <h2 id="item-title" className="hidden">Item {id}</h2>
          {found.error ? <Trouble error={found.error} again={() => void found.refetch()} /> : null}
        </div>
      ) : (
        <div className="drawer-body">
          <h2 id="item-title" className="item-title"><Said text={found.data.item.title} /></h2>
          <div className="item-links faint">
            {found.data.item.pr_number !== null ? (
              <Away href={found.data.item.pr_url}>{safeHref(found.data.item.pr_url) ? <Icon name="link" size={14} /> : null} Pull request #{found.data.item.pr_number}</Away>
            ) : null}
            {found.data.item.branch ? <code>{found.data.item.branch}</code> : null}
            {found.data.item.merge_sha ? <span>merged as <code>{found.data.item.merge_sha.slice(0, 10)}</code></span> : null}
          </div>
          <Stepper detail={found.data} />
          <Widgets detail={found.data} />
          <Tabs
            value={tab}
            onChange={(_, next: TabName) => amend({ tab: next === 'overview' ? null : next }, { replace: true })}
            aria-label="About this item"
            variant="scrollable"
            scrollButtons={false}
          >
            {TABS.map((one) => (
              <Tab key={one} value={one} id={`tab-${one}`} aria-controls="item-panel"
                label={one === 'runs' ? `Runs ${found.data.runs.length}` : one.charAt(0).toUpperCase() + one.slice(1)} />
            ))}
          </Tabs>
          <div role="tabpanel" id="item-panel" aria-labelledby={`tab-${tab}`} className="tab-body">
            {tab === 'overview' ? <Overview detail={found.data} /> : null}
            {tab === 'spec' ? <Spec spec={found.data.item.spec} command={found.data.item.test_command} /> : null}
            {tab === 'runs' ? <Runs detail={found.data} /> : null}
            {tab === 'diff' ? <Diff item={found.data.item} /> : null}
            {tab === 'timeline' ? <Timeline detail={found.data} /> : null}
          </div>
        </div>
      )}
    </Drawer>
  );
}

function Spec({ spec, command }: { spec: string | null; command: string[] | null }) {
  if (spec === null) return <p className="faint">There is no spec yet: it is written in the first phase.</p>;
  return (
    <>
      {command ? <p className="command"><span className="faint">Tests run as</span> <code><Said text={command.join(' ')} /></code></p> : null}
      <div className="prose"><Said text={spec} links /></div>
    </>
  );
}
