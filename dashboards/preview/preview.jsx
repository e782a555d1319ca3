// Draws the panels of one of our dashboards with Grafana's own components, from answers of a real Prometheus.
// It shows what our JSON asks of these components; Grafana itself, its panels' own code included, is not here.
import React from 'react';
import { createRoot } from 'react-dom/client';
import {
  FieldType, ThemeContext, createTheme, dateTime, getDisplayProcessor, getFieldDisplayValues, toDataFrame,
} from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, TimeSeries } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import payload from './payload.json';

const { board, answers, mode, now, zone } = payload;
const theme = createTheme({ colors: { mode } });
const WIDTH = 1920, HEIGHT = 1080, GAP = 8;
const rows = Math.max(...board.panels.map((p) => p.gridPos.y + p.gridPos.h));
const unitHeight = board.uid === 'filaviva-wall' ? (HEIGHT - GAP) / rows : 38;
const unitWidth = (WIDTH - GAP) / 24;

const named = (target, labels) =>
  target.legendFormat === '__auto' ? '' : target.legendFormat.replace(/{{(\w+)}}/g, (_, label) => labels[label] ?? '');

// One frame per series, with the configuration of the panel and of its overrides.
function frames(panel) {
  return panel.targets.flatMap((target) =>
    (answers[panel.id][target.refId] ?? []).map((series, index) => {
      const points = series.values ?? [series.value];
      const config = { ...panel.fieldConfig.defaults, displayNameFromDS: named(target, series.metric) };
      for (const { matcher, properties } of panel.fieldConfig.overrides) {
        const { id: by, options: whom } = matcher;
        if ((by === 'byFrameRefID' && whom === target.refId) || (by === 'byName' && whom === config.displayNameFromDS)) {
          for (const { id, value } of properties) config[id] = value;
        }
      }
      const field = { name: 'Value', type: FieldType.number, labels: series.metric, config, state: { seriesIndex: index } };
      const frame = toDataFrame({
        refId: target.refId,
        fields: [
          { name: 'Time', type: FieldType.time, values: points.map((p) => p[0] * 1000) },
          { ...field, values: points.map((p) => parseFloat(p[1])) },
        ],
      });
      for (const each of frame.fields) each.display = getDisplayProcessor({ field: each, theme, timeZone: zone });
      return frame;
    }),
  );
}

const displayed = (panel) =>
  getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: (text) => text,
    theme, data: frames(panel), timeZone: zone,
  });

function Tiles({ panel, width, height }) {
  const values = displayed(panel);
  const columns = values.length === 1 ? 1 : Math.ceil(Math.sqrt((values.length * width) / (height * 2.2)));
  const lines = Math.ceil(values.length / columns);
  return (
    <div style={{ display: 'flex', flexWrap: 'wrap', gap: 6 }}>
      {values.map((value, index) => (
        <BigValue key={index} theme={theme} value={value.display} colorMode={panel.options.colorMode} graphMode="none"
          justifyMode={panel.options.justifyMode} textMode={panel.options.textMode} wideLayout={false} count={values.length}
          width={(width - 6 * (columns - 1)) / columns} height={(height - 6 * (lines - 1)) / lines} />
      ))}
    </div>
  );
}

function Bars({ panel, width, height }) {
  const values = displayed(panel);
  return values.map((value, index) => (
    <BarGauge key={index} theme={theme} width={width} height={height / values.length - 6} value={value.display}
      field={value.field} orientation="horizontal" displayMode={panel.options.displayMode} valueDisplayMode={panel.options.valueMode}
      display={value.view && value.view.getFieldDisplayProcessor(value.colIndex)} />
  ));
}

function Lines({ panel, width, height }) {
  const data = frames(panel).map((frame, index) => ({
    ...frame,
    fields: frame.fields.map((field) =>
      field.type !== FieldType.number ? field : {
        ...field, state: { seriesIndex: index },
        config: {
          ...field.config, color: { mode: 'palette-classic' },
          custom: { drawStyle: 'line', lineWidth: 2, showPoints: 'never', ...panel.fieldConfig.defaults.custom },
        },
      }),
  }));
  const range = { from: dateTime((now - payload.seconds) * 1000), to: dateTime(now * 1000), raw: { from: '', to: '' } };
  return (
    <TimeSeries frames={data} structureRev={1} width={width} height={height} timeZone={zone} timeRange={range} theme={theme}
      legend={{ displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] }} options={{ legend: {}, tooltip: {} }} />
  );
}

// What Grafana's transformations `merge` and `organize` make of instant queries: rows by the labels they share.
function Table({ panel, width, height }) {
  const { renameByName, indexByName } = panel.transformations.find((each) => each.id === 'organize').options;
  const key = (metric) => [metric.site, metric.queue, metric.channel].join('/');
  const merged = new Map();
  for (const target of panel.targets) {
    for (const { metric, value } of answers[panel.id][target.refId] ?? []) {
      const row = merged.get(key(metric)) ?? {};
      merged.set(key(metric), { ...row, ...metric, [`Value #${target.refId}`]: parseFloat(value[1]) });
    }
  }
  const sort = panel.options.sortBy?.[0];
  const sorted = sort && Object.keys(renameByName).find((name) => renameByName[name] === sort.displayName);
  const lines = [...merged.values()].sort((a, b) => (b[sorted] ?? -1) - (a[sorted] ?? -1));
  const fields = Object.keys(renameByName).sort((a, b) => indexByName[a] - indexByName[b]).map((name) => {
    const config = { ...panel.fieldConfig.defaults, thresholds: undefined, custom: { align: 'auto' } };
    for (const { matcher, properties } of panel.fieldConfig.overrides) {
      if (matcher.options !== renameByName[name]) continue;
      for (const { id, value } of properties) {
        if (id.startsWith('custom.')) config.custom[id.slice(7)] = value;
        else if (id !== 'links') config[id] = value;
      }
    }
    const number = name.startsWith('Value');
    if (!number) { delete config.unit; delete config.decimals; }
    return { name: renameByName[name], type: number ? FieldType.number : FieldType.string, config,
      values: lines.map((line) => line[name] ?? null) };
  });
  const frame = toDataFrame({ fields });
  frame.fields.forEach((field) => { field.display = getDisplayProcessor({ field, theme, timeZone: zone }); field.state = {}; });
  return <TableNG data={frame} width={width} height={height} cellHeight="md" />;
}

const KINDS = { stat: Tiles, bargauge: Bars, timeseries: Lines, table: Table };

function Inside({ panel, width, height }) {
  const Kind = KINDS[panel.type];
  return Kind ? <Kind panel={panel} width={width} height={height} /> : <i>{panel.type}: not drawn here</i>;
}

class Guard extends React.Component {
  state = { error: null };
  static getDerivedStateFromError(error) { return { error }; }
  render() { return this.state.error ? <pre>{String(this.state.error.stack).slice(0, 600)}</pre> : this.props.children; }
}

function Board() {
  return (
    <div style={{ position: 'relative', width: WIDTH, height: rows * unitHeight + GAP, background: theme.colors.background.canvas,
      color: theme.colors.text.primary, fontFamily: theme.typography.fontFamily }}>
      {board.panels.map((panel) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { position: 'absolute', left: GAP + (x ?? 0) * unitWidth, top: GAP + (y ?? 0) * unitHeight };
        if (panel.type === 'row') return <h4 key={panel.id} style={{ ...place, lineHeight: '30px' }}>{panel.title}</h4>;
        return (
          <div key={panel.id} style={place}>
            <PanelChrome title={panel.title} width={w * unitWidth - GAP} height={h * unitHeight - GAP} padding="md">
              {(width, height) => <Guard><Inside panel={panel} width={width} height={height} /></Guard>}
            </PanelChrome>
          </div>
        );
      })}
    </div>
  );
}

createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}><GlobalStyles /><Board /></ThemeContext.Provider>,
);
