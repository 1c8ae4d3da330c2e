// Windows in HU. The liver's: narrow, around parenchyma in the portal venous phase.

export const WINDOWS = { liver: { width: 150, level: 90 }, soft: { width: 400, level: 40 } };
