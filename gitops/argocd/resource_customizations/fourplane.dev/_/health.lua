-- Tells Argo CD how a resource of fourplane.dev fares, by the conditions of its own generation. It needs no library.

local by_machines = { ConfigShard = true, ConfigSnapshot = true, RuntimeActivation = true, WorkerReport = true }
if by_machines[obj.kind] then
  return { status = "Healthy", message = "Its RuntimeDeployment tells how it fares" }
end

local generation = obj.metadata.generation
local status = obj.status or {}
if status.observedGeneration ~= generation then
  return { status = "Progressing", message = "The operator has not looked at this generation yet" }
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  local of = condition.observedGeneration
  if of == nil or of == generation then
    conditions[condition.type] = condition
  end
end

local function holds(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local function told(code, name)
  local condition = conditions[name]
  if condition == nil then
    return { status = code, message = "The operator says nothing of this generation yet" }
  end
  local message = condition.message
  if message == nil or message == "" then
    message = condition.reason
  end
  return { status = code, message = message }
end

if holds("Stalled") then
  return told("Degraded", "Stalled")
end
if holds("Reconciling") then
  return told("Progressing", "Reconciling")
end
if holds("Ready") then
  return told("Healthy", "Ready")
end
return told("Progressing", "Ready")
