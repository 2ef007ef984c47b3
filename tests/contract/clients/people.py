"""The rows about users, groups and their keys, as Terraform's resources and RAM's error tables have them."""

from tests.contract.clients.walk import Row

_READ = {"PolicyType": "System", "PolicyName": "AliyunRAMReadOnlyAccess"}
_ANN, _READERS = {"UserName": "ann"}, {"GroupName": "readers"}
_BOTH = _ANN | _READERS


def people() -> list[Row]:
    """Return the rows in their order; afterwards nobody of them is left."""
    return [*_users(), *_groups(), *_together(), *_keys(), *_end()]


def _users() -> list[Row]:
    details = {"DisplayName": "Ann é中", "Comments": "a+b &*~"}
    return [
        Row("CreateUser", _ANN | details, {"User.UserName": "ann", "User.DisplayName": "Ann é中"}),
        Row("CreateUser", {"UserName": "ANN"}, refused=(409, "EntityAlreadyExists.User")),
        Row("CreateUser", {"UserName": "a b"}, refused=(400, "InvalidParameter.UserName.InvalidChars")),
        Row("GetUser", _ANN, {"User.Comments": "a+b &*~"}),
        Row("GetUser", {"UserName": "nobody"}, refused=(404, "EntityNotExist.User")),
        Row("UpdateUser", _ANN | {"NewUserName": "ann", "NewDisplayName": "Ann"}, {"User.DisplayName": "Ann"}),
        Row("ListUsers", {"MaxItems": 1}, {"IsTruncated": True}),
        Row("ListUsers", {"MaxItems": 100}, {"IsTruncated": False, "Users.User.1.UserName": "ann"}),
    ]


def _groups() -> list[Row]:
    return [
        Row("CreateGroup", _READERS | {"Comments": "c"}, {"Group.GroupName": "readers", "Group.Comments": "c"}),
        Row("CreateGroup", {"GroupName": "Readers"}, refused=(409, "EntityAlreadyExists.Group")),
        Row("GetGroup", _READERS, {"Group.Comments": "c"}),
        Row("GetGroup", {"GroupName": "nobody"}, refused=(404, "EntityNotExist.Group")),
        Row("ListGroups", {}, {"IsTruncated": False, "Groups.Group.0.GroupName": "readers"}),
        Row("AttachPolicyToGroup", _READERS | _READ),
        Row("AttachPolicyToGroup", _READERS | _READ, refused=(409, "EntityAlreadyExists.Group.Policy")),
        Row("ListPoliciesForGroup", _READERS, {"Policies.Policy.0.PolicyName": "AliyunRAMReadOnlyAccess"}),
        Row("ListEntitiesForPolicy", _READ, {"Groups.Group.0.GroupName": "readers", "Users.User": []}),
    ]


def _together() -> list[Row]:
    return [
        Row("AddUserToGroup", _BOTH),
        Row("AddUserToGroup", _BOTH, refused=(409, "EntityAlreadyExists.User.Group")),
        Row("ListGroupsForUser", _ANN, {"Groups.Group.0.GroupName": "readers"}),
        Row("ListUsersForGroup", _READERS, {"Users.User.0.UserName": "ann"}),
        Row("DeleteUser", _ANN, refused=(409, "DeleteConflict.User.Group")),
        Row("RemoveUserFromGroup", _BOTH),
        Row("RemoveUserFromGroup", _BOTH, refused=(404, "EntityNotExist.User.Group")),
        Row("DeleteGroup", _READERS, refused=(409, "DeleteConflict.Group.Policy")),
    ]


def _keys() -> list[Row]:
    key = {"UserAccessKeyId": "nothing"} | _ANN
    return [
        Row("ListAccessKeys", _ANN, {"AccessKeys.AccessKey": []}),
        Row("DeleteAccessKey", key, refused=(404, "EntityNotExist.User.AccessKey")),
        Row("UpdateAccessKey", key | {"Status": "Inactive"}, refused=(404, "EntityNotExist.User.AccessKey")),
    ]


def _end() -> list[Row]:
    return [
        Row("DetachPolicyFromGroup", _READERS | _READ),
        Row("DetachPolicyFromGroup", _READERS | _READ, refused=(404, "EntityNotExist.Group.Policy")),
        Row("DeleteGroup", _READERS),
        Row("DeleteUser", _ANN),
        Row("DeleteUser", _ANN, refused=(404, "EntityNotExist.User")),
    ]
